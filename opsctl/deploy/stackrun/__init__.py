"""One stack: from whatever status it has to its template, or to nothing, followed until CloudFormation rests."""
