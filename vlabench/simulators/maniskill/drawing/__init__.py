"""Pictures of the put-on-plate scenes: the Vulkan driver, a shader pack, the camera and its lights, the green screen."""
