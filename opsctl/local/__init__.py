"""The local target: an AWS emulator, a real PostgreSQL and ECS tasks, as processes or containers, all on loopback.

`target.LocalTarget` is what the rest of opsctl uses; it imports nothing heavy, because every `deploy --env local`
asks it whether all still runs. Everything else here lives in the emulator's own process (`emulator`), which extends
ministack in place: it registers what ministack lacks and never edits what ministack does for real.
"""
