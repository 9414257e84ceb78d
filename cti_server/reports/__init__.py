"""Figures of the centre: each defined once (docs/figures.md), computed alike from live and stored events."""
