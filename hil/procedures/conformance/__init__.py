"""What the procedures of ``protocol_conformance`` check, where it takes more than a few lines."""
