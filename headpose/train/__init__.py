"""Training a network: trainer, losses, sigma, export."""
