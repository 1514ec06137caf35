"""What generated texts mean to each other: similarity, entailment, and the classes that they form."""
