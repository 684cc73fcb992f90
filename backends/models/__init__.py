"""One loader per model family."""
