"""What a forecast of a real number says, whatever its form."""
