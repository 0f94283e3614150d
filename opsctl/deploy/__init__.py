"""Configuration and templates become a plan, the plan becomes stacks.

`planner` reads and never writes; `executor` writes what the plan says and prints nothing; what a person sees comes from
the events of `events`.
"""
