"""The text of a query: grammar, parser, frozen nodes, and what a refusal says."""
