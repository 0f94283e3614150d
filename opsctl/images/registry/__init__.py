"""A registry, as the OCI distribution API has it: who asks, what it answers, what goes in and out of a repository."""
