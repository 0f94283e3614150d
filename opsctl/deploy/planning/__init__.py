"""What a deploy would do: what is configured against what is deployed, as frozen data. Reads only."""
