"""What `opsctl doctor` looks at, and what it thinks of it. Reads only; creates and starts nothing."""
