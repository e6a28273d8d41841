"""Virtio transports."""
