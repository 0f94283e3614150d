"""The command line: parse, call one function, report. The only home of typer and rich."""
