"""Python types and JSON: the schema of a type, and the object of that type from an answer."""
