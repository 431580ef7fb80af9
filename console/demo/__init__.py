"""Made content for the demo: drawn clips and pictures, captions, sound. Nothing here is downloaded or recorded."""
