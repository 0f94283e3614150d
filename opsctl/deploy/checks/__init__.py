"""What AWS would refuse minutes in, asked before the first stack is touched."""
