"use strict";
document.getElementById("toggle_close").addEventListener("click", function () {
  var off = document.body.classList.toggle("hide_close");
  this.setAttribute("aria-pressed", String(off));
  document.querySelectorAll(".close_flex").forEach(function (cell) { cell.colSpan = off ? 1 : 2; });
});
