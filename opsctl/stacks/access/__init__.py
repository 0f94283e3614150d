"""IAM policies for who works on an environment: what they may read, change or push, and of whom."""
