"""No-op plan of 10000 steps: at most 0.15 times terraform's."""

from plan_vs_terraform import main

main(10000, goal=0.15, runs=3)
