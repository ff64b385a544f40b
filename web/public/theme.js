// Sets the theme before the first paint, so that nothing flashes.
(function () {
  var choice = "system";
  try {
    choice = localStorage.getItem("sallyport.theme") || choice;
  } catch (refused) {
    // A browser that keeps nothing follows the system.
  }
  var dark = choice === "dark" || (choice === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
