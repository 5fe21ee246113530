"""The products that scenarios start: a file for each, a subclass of machinery.software.Service."""
