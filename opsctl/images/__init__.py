"""Which image a deploy runs: what the checkout's content is called, and (for AWS) building and pushing it."""
