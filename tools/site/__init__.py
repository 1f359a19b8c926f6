"""The documentation site: pages of docs/, generated pages, the navigation, and a check of every link."""
