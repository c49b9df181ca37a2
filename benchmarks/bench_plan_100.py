"""No-op plan of 100 steps: at most 1.2 times terraform's."""

from plan_vs_terraform import main

main(100, goal=1.2, runs=9)
