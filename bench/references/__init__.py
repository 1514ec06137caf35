"""Sources whose true answer is known: what tasks draw from, models are held against, and checks compare with."""
