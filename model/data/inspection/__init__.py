"""Checks of labelled photographs before training."""
