"""PostgreSQL on loopback, as a process or a container, and the emulated RDS that hands it out.

Knows servers, their files and DB instances; nothing of tasks.
"""
