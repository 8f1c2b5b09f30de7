"""What the scripts share, from reading a text to completing a sentence."""
