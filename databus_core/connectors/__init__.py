"""Ready pullers, processors, pushers and passengers, one package per system or format; reached by module name only.

Plug-ins of one's own may import from here:

- `databus_core.connectors.email.passenger`: `Email`
- `databus_core.connectors.email.parser`: `parse_email`
- `databus_core.connectors.archive.unzip`: `unzip_attachments`
- `databus_core.connectors.links.download`: `download_links`
- `databus_core.connectors.sql.excel_rows`: `read_sheet`
"""
