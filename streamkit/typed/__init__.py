"""Python types and JSON: the schema that asks for a type, and the value that an answer contains."""
