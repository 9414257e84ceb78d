"""The composition root: adapters are built and joined here and nowhere else, by the glue beside it."""
