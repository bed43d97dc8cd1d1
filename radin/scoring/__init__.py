"""What logits are worth: metrics, the logit bank, and the surrogate."""
