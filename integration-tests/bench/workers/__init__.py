"""Several workers behind one address: what the ways to do it cost, and what they lose."""
