"""What a person approves: each property before and after, what gets wider, what is interrupted. Pure; reads no AWS."""
