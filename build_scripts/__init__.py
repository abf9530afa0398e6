"""What a developer needs: environment, checks, tests, the packaged program. dev.py uses the standard library only."""
