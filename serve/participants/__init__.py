"""The participants' face: an invitation, the information sheet, the donation and its withdrawal."""
