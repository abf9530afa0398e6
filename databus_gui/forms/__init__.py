"""Forms made from JSON Schemas, and an editor for JSON text. Knows no engine and no database."""
