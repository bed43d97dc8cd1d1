"""What things cost, side by side with floors and peers."""
