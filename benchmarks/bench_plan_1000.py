"""No-op plan of 1000 steps: at most 0.5 times terraform's."""

from plan_vs_terraform import main

main(1000, goal=0.5, runs=7)
