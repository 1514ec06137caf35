"""What answers cost, and what makes them cheaper: speculative sampling, stopping rules, idealised runtimes."""
