"""The life of the machine: run states, requests, and the control that carries requests out."""
