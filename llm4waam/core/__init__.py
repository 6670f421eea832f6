"""What every room needs: errors, files, typed settings, the start and end of a stage."""
