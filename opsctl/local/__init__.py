"""The local target: an AWS emulator, a real PostgreSQL and ECS tasks, as processes or containers, all on loopback.

Four parts. Here, the target and its state: `target.LocalTarget` is what the rest of opsctl uses; it imports nothing
heavy, because every `deploy --env local` asks it whether all still runs. The rest lives in the emulator's own process:
`emulator` extends ministack in place, registering what it lacks and never editing what it does for real; `tasks` runs
what ECS is told to run; `postgres` is what RDS hands out.
"""
