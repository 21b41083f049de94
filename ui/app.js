document.title = "SimpleMQ";
