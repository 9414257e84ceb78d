"""The wire as pydantic models: one model validates, and is published as OpenAPI and AsyncAPI."""
