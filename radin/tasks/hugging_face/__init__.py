"""Models of Hugging Face's transformers as tasks: what a folder says of its network, and data for it."""
