"""Tasks of the emulated ECS, as processes or containers: started, watched, judged by their health, stopped.

Knows task definitions and images; nothing of stacks, and PostgreSQL only as an address.
"""
