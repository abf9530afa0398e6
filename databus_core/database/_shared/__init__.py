"""What several database engines are made of."""
