"""From nodes to SQL: types, rules of the language, functions, commands, one statement for DuckDB."""
