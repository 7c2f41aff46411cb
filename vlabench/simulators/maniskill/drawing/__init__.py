"""Pictures of put-on-plate scenes: the Vulkan driver, a shader pack, the camera and its lights, the green screen."""
