"""Work on one environment: reach its database, run its tasks, find and push its images, publish its site, remove it.

Knows no command line and no screen: what happens is emitted as events, and what only a person knows is asked through
`Workspace`.
"""
